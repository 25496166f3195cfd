// frontend (D06): the wallet's page. Links to what the other wallet Workers tell with GET, and holds nothing itself.

import { type Answer, html, readVisit, reply } from "../../page.ts";
import { type Call, walletWorker } from "../../wallet-worker.ts";

const NAME = "frontend";

/** Paths on the main domain. */
const LINKS = [
  { href: "/api/wallets", text: "Wallets" },
  { href: "/banking/transfers", text: "Transfers" },
  { href: "/analytics/summary", text: "What was counted" },
  { href: "/main-bot/health", text: "Health of the bot" },
  { href: "/security/health", text: "Health of the token service" },
];

const home: Answer = {
  title: "Wallet",
  content: html`<nav aria-label="Wallet"><ul>
${LINKS.map(({ href, text }) => html`<li><a href="${href}">${text}</a></li>\n`)}</ul></nav>`,
};

export default walletWorker({
  name: NAME,
  version: "1.0.0",
  routes: { "/": { GET: ({ request }: Call) => reply(request, readVisit(NAME, request), home) } },
});
