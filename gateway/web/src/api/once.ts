// One wish of a person, however often it takes to be heard: asked again after an answer that was lost, it is the same call.
import { isTransient } from "./errors";
import { newRequestId } from "./query";

export class Once {
  private wish = "";
  private requestId = newRequestId();

  /** Makes the call; `wish` is what it is to do. The `request_id` stays until the outcome is known, or something else is wished for. */
  async call<T>(wish: string, call: (requestId: string) => Promise<T>): Promise<T> {
    if (wish !== this.wish) this.requestId = newRequestId();
    this.wish = wish;
    try {
      const answer = await call(this.requestId);
      this.requestId = newRequestId();
      return answer;
    } catch (error) {
      if (!isTransient(error)) this.requestId = newRequestId();
      throw error;
    }
  }
}
