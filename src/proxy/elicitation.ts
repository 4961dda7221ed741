/** MCP, Elicitation: servers MUST NOT use form elicitation to request secrets. The guard holds them to it. */
import { isObject, type Json } from '../model/json.ts'
import { isSecretName } from '../model/secret-name.ts'

/** True when a form has a field that is named, titled or formatted like a secret, or cannot be read at all. */
export function asksForSecrets(params: Json | undefined): boolean {
  if (!isObject(params)) return true
  const schema = params['requestedSchema']
  if (schema === undefined) return false
  if (!isObject(schema)) return true
  const fields = schema['properties']
  if (fields === undefined) return false
  if (!isObject(fields)) return true
  return Object.entries(fields).some(([name, field]) => isSecretName(name) || secretField(field))
}

function secretField(field: Json): boolean {
  if (!isObject(field)) return true
  const { title, format } = field
  return format === 'password' || (typeof title === 'string' && isSecretName(title))
}
