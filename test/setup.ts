/**
 * Where a commit is judged, properties are tried with the same values each time, so that a change is judged and not the
 * day's luck; anywhere else they are other values at every run. `CHAPERONE_SEED` sets the seed of either.
 */
import fc from 'fast-check'

const given = process.env['CHAPERONE_SEED'] ?? (process.env['CI'] === undefined ? '' : '20261128')
const seed = Number(given)
if (given !== '' && Number.isSafeInteger(seed)) fc.configureGlobal({ seed })
