/** Faults: something broke. A fault is thrown, caught once, recorded, and denies. */

export type FaultCode =
  | 'ERR_AUDIT_APPEND'
  | 'ERR_AUDIT_READ'
  | 'ERR_CONFIG_READ'
  | 'ERR_CONFIG_INVALID'
  | 'ERR_LISTEN'
  | 'ERR_LOG_FILE'
  | 'ERR_LOGIN_FAILED'
  | 'ERR_LOGIN_REFUSED'
  | 'ERR_MANDATE_INVALID'
  | 'ERR_STATE_UNUSABLE'
  | 'ERR_STATE_WRITE'
  | 'ERR_DEFINITION_CHANGED'
  | 'ERR_UPSTREAM_DOWN'
  | 'ERR_UPSTREAM_DENIED'
  | 'ERR_UPSTREAM_REFUSED'
  | 'ERR_UPSTREAM_TIMEOUT'
  | 'ERR_UPSTREAM_LOST'
  | 'ERR_UPSTREAM_UNUSABLE'
  | 'ERR_USAGE'

export class GuardError extends Error {
  override readonly name = 'GuardError'
  readonly code: FaultCode

  constructor(code: FaultCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
