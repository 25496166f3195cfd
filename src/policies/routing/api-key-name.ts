// Which variables may be sent to an instance as its API key: only those named for it, and none of the plane's own.

/** Variables of our own that must never leave as somebody's API key, though their names end like one. */
const OWN_SECRETS = new Set(["ORCHESTRATOR_API_KEY"]);

export const isFitKeyName = (name: string): boolean => name.endsWith("_API_KEY") && !OWN_SECRETS.has(name);
export const UNFIT_KEY_NAME = "must end in _API_KEY and not be a secret of this plane";
