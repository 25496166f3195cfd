// motr-enclave (M07): the identity core. One object per user keeps who that user is; it has no page of its own in the routing table.
// GET tells the record of the signed-in user, POST confirms it; without a session both are refused.

import { type Answer, html, readVisit, refuseMethod, reply } from "../../page.ts";
import { Identity, type IdentityRecord } from "./identity-object.ts";

export { Identity };

type EnclaveEnv = { readonly IDENTITIES: DurableObjectNamespace<Identity> };

const signedOut: Answer = { title: "Enclave", status: 401, content: html`<p>A session is needed.</p>` };

const unknown: Answer = {
  title: "Enclave",
  status: 404,
  content: html`<p>This identity was never confirmed.</p><form method="post"><button>Confirm it</button></form>`,
  data: { identity: null },
};

const known = (identity: IdentityRecord): Answer => ({
  title: "Enclave",
  content: html`<dl>
<dt>Identity</dt><dd>${identity.userId}</dd>
<dt>Name</dt><dd>${identity.username}</dd>
<dt>First confirmed</dt><dd>${new Date(identity.createdAt).toISOString()}</dd>
<dt>Last confirmed</dt><dd>${new Date(identity.confirmedAt).toISOString()}</dd>
<dt>Confirmations</dt><dd>${identity.confirmations}</dd>
</dl>
<form method="post"><button>Confirm again</button></form>`,
  data: { identity },
});

export default {
  async fetch(request, env): Promise<Response> {
    const visit = readVisit("enclave", request);
    const { authenticated, userId, username } = visit.session;
    if (request.method !== "GET" && request.method !== "HEAD" && request.method !== "POST")
      return refuseMethod("GET, HEAD, POST");
    if (!authenticated || userId === null) return reply(request, visit, signedOut);
    const stub = env.IDENTITIES.getByName(userId);
    const identity = request.method === "POST" ? await stub.confirm(userId, username ?? userId) : await stub.find();
    return reply(request, visit, identity === undefined ? unknown : known(identity));
  },
} satisfies ExportedHandler<EnclaveEnv>;
