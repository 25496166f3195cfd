// main-bot (D02): a Telegram bot that says back what it is told. Telegram posts updates to /webhook and takes the answer as the
// bot's next call, so nothing else is sent and no bot token is needed here.

import { asFields, readFields } from "../../bounded-body.ts";
import { json, refusal, walletWorker } from "../../wallet-worker.ts";

/** Telegram's own bound for a message. */
const TEXT_MAX = 4_096;

/** What is no message with a text is taken and left alone: Telegram repeats whatever isn't answered with 2xx. */
async function takeUpdate({ request }: { readonly request: Request }): Promise<Response> {
  const update = await readFields(request);
  if (typeof update?.update_id !== "number") return refusal(400, "no_update");
  const message = asFields(update.message);
  const chatId = asFields(message?.chat)?.id;
  if (typeof message?.text !== "string" || typeof chatId !== "number") return json(200, {});
  const text = message.text === "/start" ? "Say something, and I say it back." : message.text.slice(0, TEXT_MAX);
  return json(200, { method: "sendMessage", chat_id: chatId, text });
}

export default walletWorker({
  name: "main-bot",
  version: "1.0.0",
  routes: { "/webhook": { POST: takeUpdate } },
});
