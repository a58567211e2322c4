/** `${{ expression }}` inside values. A value never becomes code: what it means is the verb's business. */

/** A template cut into its literal parts and the values between them. */
export type Piece = { text: string } | { value: unknown; source: string }
