// When two names are one: nobody should have to tell Alice from alice, or é from e with an accent put behind it.

/** What names are compared by. */
export const nameKey = (name: string): string => name.normalize("NFC").toLowerCase().normalize("NFC");
