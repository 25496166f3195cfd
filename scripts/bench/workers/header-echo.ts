// A backend that tells what reached it, so that the bench can prove that the contenders send the same headers.

export default {
  fetch: (request) => Response.json(Object.fromEntries(request.headers)),
} satisfies ExportedHandler;
