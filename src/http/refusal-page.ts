// The plain, self-contained page a browser gets instead of a problem document. No script, no outside resource.

const ADVICE: { readonly [status: number]: string } = {
  401: "Please sign in and try again.",
  403: "You may not do this.",
  404: "The page may have moved, or the address may be mistyped.",
  429: "Too many requests. Please wait a moment and try again.",
  502: "The service behind this page failed. Please try again in a moment.",
  503: "The service is not available right now. Please try again in a moment.",
  504: "The service behind this page took too long. Please try again in a moment.",
};

/** All arguments are our own texts or a well-formed request id, so nothing here needs escaping. */
export const refusalPage = (status: number, title: string, requestId: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${status} ${title}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.4rem}small{color:#666}@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}small{color:#999}}</style>
<h1>${title}</h1>
<p>${ADVICE[status] ?? ""}</p>
<small>Status ${status}, request ${requestId}</small>
</html>
`;
