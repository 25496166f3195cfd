// Files that a test reads as they stand, which workerd cannot: the bundler hands their text over.

declare module "*?raw" {
  const text: string;
  export default text;
}
