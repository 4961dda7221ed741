/** What a puppet upstream can be told to do, in the words that tests use: steps are plain JSON and run in order. */
export type Step =
  /** One frame and its newline. `$ID`, `$TOKEN`, `$PARAMS` and `$ANSWER` are put in as JSON text. */
  | { readonly write: string }
  /** One frame, or another one where the request brings answers to what was asked. */
  | { readonly asks: string; readonly done: string }
  /** Bytes as they are, in base64, without a newline. */
  | { readonly bytes: string }
  /** The same text on stdout again and again, without a newline; for what is too large to write down. */
  | { readonly repeat: string; readonly times: number }
  | { readonly stderr: string; readonly times?: number }
  | { readonly exit: number }
  /** Waits until a message with this method arrives (one that has not been waited for already). */
  | { readonly heard: string }
  /** Waits until the answer to the request with this id arrives; it becomes `$ANSWER`. */
  | { readonly answered: string | number }
  /** Waits until the file exists. */
  | { readonly file: string }
  /** From here on the puppet serves this as the result of a list method. */
  | { readonly serve: string; readonly result: string }

/** A puppet's whole behaviour, read from the file that its command line names. */
export interface PuppetConfig {
  /** Every line received is appended here, byte for byte, before anything else happens. */
  readonly received?: string
  /** The revisions it opens in; both unless said. */
  readonly eras?: readonly ('legacy' | 'modern')[]
  /** What it declares; tools alone unless said. */
  readonly capabilities?: object
  /** Result text by method (`tools/list`) or by method and name (`tools/call say`). */
  readonly results?: Readonly<Record<string, string>>
  /** Steps in place of a result, by the same keys. */
  readonly on?: Readonly<Record<string, readonly Step[]>>
  /** Ignores the end of its input, and SIGTERM. */
  readonly stubborn?: boolean
  /** Steps before the first line is read. */
  readonly start?: readonly Step[]
}
