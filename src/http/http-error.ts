// Misuse of HTTP by the caller, thrown inside src/http and the control surface only and caught once, in router.ts.

import { type Refusal, type RefusalCode, type RefusalData, refuse } from "../contracts/refusals.ts";

export class HttpError extends Error {
  readonly refusal: Refusal;
  readonly headers: HeadersInit;
  constructor(code: RefusalCode, detail?: string, data?: RefusalData, headers: HeadersInit = {}) {
    super(code);
    this.refusal = refuse(code, detail, data);
    this.headers = headers;
  }
}
