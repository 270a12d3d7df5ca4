// A value that has come to rest: what a search waits for before it asks.
import { useEffect, useState } from "react";

const REST_MS = 250;

export function useDebounced<T>(value: T): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), REST_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return rested;
}
