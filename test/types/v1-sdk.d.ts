// The v1 SDK, a peer in tests, names a type of the DOM library that Node's types know under another name.
type HeadersInit = NonNullable<RequestInit['headers']>
