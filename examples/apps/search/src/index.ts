// motr-search (M06): a search box over a small built-in index, answered on the server.
// An entry is found when every word of the query stands somewhere in it, whatever the case.

import { type Answer, html, readVisit, refuseMethod, reply } from "../../page.ts";
import { ENTRIES, type Entry } from "./index-of-terms.ts";

const QUERY_MAX = 200;

/** Entries holding every word of `query`; a query without words finds nothing. */
export function findEntries(query: string): readonly Entry[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  return ENTRIES.filter(({ term, meaning }) =>
    words.every((word) => `${term} ${meaning}`.toLowerCase().includes(word)),
  );
}

const resultList = (query: string, results: readonly Entry[]) => {
  if (query === "") return html`<p>There are ${ENTRIES.length} entries.</p>`;
  const items = results.map(({ term, meaning }) => html`<li><strong>${term}</strong>: ${meaning}</li>`);
  return html`<p role="status">${results.length} found for “${query}”.</p><ul>${items}</ul>`;
};

function search(query: string): Answer {
  const results = findEntries(query);
  return {
    title: "Search",
    content: html`<form role="search">
<label for="q">Search the index</label>
<input id="q" name="q" type="search" value="${query}" maxlength="${QUERY_MAX}">
<button>Search</button>
</form>
${resultList(query, results)}`,
    data: { query, results },
  };
}

export default {
  async fetch(request): Promise<Response> {
    if (request.method !== "GET" && request.method !== "HEAD") return refuseMethod("GET, HEAD");
    const query = (new URL(request.url).searchParams.get("q") ?? "").trim().slice(0, QUERY_MAX);
    return reply(request, readVisit("search", request), search(query));
  },
} satisfies ExportedHandler;
