// The keep-alive of document 002 (L44): a client says {"type":"ping"} every 30 s and is answered {"type":"pong"}.

export const JSON_PONG = '{"type":"pong"}';

/** Room for white space and escapes; what is longer is not looked at. */
const PING_CHARS_MAX = 64;

/** Whether a text frame says exactly that, however JSON lets it be spelled, and nothing else. */
export function isJsonPing(text: string): boolean {
  if (text.length > PING_CHARS_MAX || !OBJECT_WITH_TYPE.test(text)) return false;
  try {
    const said: unknown = JSON.parse(text);
    return typeof said === "object" && said !== null && "type" in said && said.type === "ping" && isAlone(said);
  } catch {
    return false;
  }
}

const isAlone = (said: object): boolean => Object.keys(said).length === 1;

/** One member with a text value, names and values unread: saves most frames from being parsed. */
const OBJECT_WITH_TYPE = /^\s*\{\s*"[^"]*"\s*:\s*"[^"]*"\s*\}\s*$/;
