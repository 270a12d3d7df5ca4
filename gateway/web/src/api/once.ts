// One wish of a person, however often it takes to be heard: asked again after an answer that was lost, it is the same call.
import { isTransient } from "./errors";
import { newRequestId } from "./query";

export class Once {
  private wish = "";
  private requestId = "";
  private sinceMs = 0;

  /**
   * Makes the call; `wish` is what it is to do. The `request_id`, and the time of the first call with it, stay until the
   * outcome is known, or something else is wished for.
   */
  async call<T>(wish: string, call: (requestId: string, sinceMs: number) => Promise<T>): Promise<T> {
    if (wish !== this.wish) Object.assign(this, { wish, requestId: newRequestId(), sinceMs: Date.now() });
    const { requestId, sinceMs } = this;
    let known = true;
    try {
      return await call(requestId, sinceMs);
    } catch (error) {
      known = !isTransient(error);
      throw error;
    } finally {
      if (known && requestId === this.requestId) this.forget();
    }
  }

  /** The next call is another one, whatever it is to do. */
  forget(): void {
    this.wish = "";
  }
}
