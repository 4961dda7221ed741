/**
 * What is decided about: 300 tools, and 1,004 rules as data, from which every engine's own form of them is written. Three
 * tools are those of a purchasing agent, with rules as people write them; the other 297 have three or four rules each.
 */
import type { EffectClass } from '../../../src/model/call.ts'

export const TOOLS = 300
export const RULES = 1004
const KIT_SERVERS = 27
const TASKS = 11
/** The fourth rule of a tool: so many have it that there are 1,004 in all. */
const WITH_HOURS = 97

export const PARTNERS = ['acme.example', 'partner.example', 'supplier.example'] as const
export const AGENT = 'procurement-agent-001'
export const REPORTS = '/workspace/reports'
export const LONGEST_REPORT = 65_536

/** One of the 297 with the numbers and words of its rules. */
export interface Kit {
  readonly server: string
  readonly name: string
  readonly effect: EffectClass
  /** Forbidden above. */
  readonly limit: number
  /** Others are forbidden. */
  readonly regions: readonly [string, string]
  /** Asks for an approval where the note has it. */
  readonly word: string
  /** Forbidden outside, Monday to Saturday. */
  readonly hours?: { readonly from: number; readonly to: number }
}

const EFFECTS = ['read', 'write', 'read', 'delete', 'read', 'admin'] as const
const REGIONS = ['eu-north', 'eu-west', 'us-east', 'us-west', 'ap-south'] as const
export const ELSEWHERE = 'moon-base'
const WORDS = [
  'confidential',
  'urgent',
  'override',
  'refund',
  'salary',
  'passport',
  'merger',
] as const

export const KITS: readonly Kit[] = Array.from({ length: KIT_SERVERS * TASKS }, (_, index) => {
  const from = 6 + (index % 3)
  return {
    server: `kit_${String(index % KIT_SERVERS).padStart(2, '0')}`,
    name: `task_${String(Math.floor(index / KIT_SERVERS)).padStart(2, '0')}`,
    effect: EFFECTS[index % EFFECTS.length] ?? 'read',
    limit: 1000 + 10 * index,
    regions: [REGIONS[index % 5] ?? '', REGIONS[(index + 1) % 5] ?? ''],
    word: WORDS[index % WORDS.length] ?? '',
    ...(index < WITH_HOURS && { hours: { from, to: from + 13 } }),
  }
})

/** The policy files, as a person would have them: one for each kind of system, one for all of them. */
export function policyTexts(): readonly { readonly file: string; readonly text: string }[] {
  const servers = [...new Set(KITS.map(({ server }) => server))]
  return [
    { file: 'house.yaml', text: HOUSE },
    { file: 'purchasing.yaml', text: PURCHASING },
    ...servers.map((server) => ({
      file: `${server}.yaml`,
      text: kitText(
        server,
        KITS.filter((kit) => kit.server === server),
      ),
    })),
  ]
}

const HOUSE = `policy: house
owner: security@acme.example
description: What holds for every tool.
timezone: Europe/Berlin
rules:
  - id: no-changes-at-night
    effect: forbid
    description: Nobody is there to notice.
    effects: [write, send, delete, pay]
    unless: within(now, "Mon-Sat 06:00-22:00")
  - id: no-exfiltration
    effect: forbid
    effects: [send]
    labels: [untrusted, confidential]
  - id: no-personal-data-outside-production
    effect: forbid
    effects: [send]
    data: [personal]
    unless: environment == "prod"
  - id: changes-at-high-risk
    effect: require_approval
    effects: [write, send, delete, pay, admin]
    risk: [high]
    approval: { from: [group:security], expires: 15m }
  - id: administration
    effect: require_approval
    effects: [admin]
    when: has(args.amount) && args.amount > 900
    approval: { from: [group:admins] }
  - id: large-amounts
    effect: forbid
    mode: shadow
    when: has(args.amount) && args.amount > 100000
  - id: redact-secrets
    effect: oblige
    tools: ["**"]
    obligation: { type: redact, detectors: [secrets] }
`

const PURCHASING = `policy: purchasing
owner: dana@acme.example
timezone: Europe/Berlin
sets:
  partners: [${PARTNERS.join(', ')}]
classify:
  - { tools: [vendors/approve], effect: write, data: [internal] }
  - { tools: [mail/send], effect: send, data: [internal] }
  - { tools: [files/write], effect: write, data: [internal] }
rules:
  - id: only-procurement
    effect: forbid
    tools: [vendors/approve]
    unless: agent == "${AGENT}"
  - id: only-class-b
    effect: forbid
    tools: [vendors/approve]
    unlessArgs: { vendor_class: { one_of: [B] } }
    otherArgs: permit
  - id: business-hours
    effect: forbid
    tools: [vendors/approve]
    unless: within(now, "Mon-Fri 09:00-17:00")
  - id: large-vendors
    effect: require_approval
    tools: [vendors/approve]
    when: args.amount > 1000
    approval: { from: [group:cfo], quorum: 2, except: [owner] }
  - id: only-partners
    effect: forbid
    tools: [mail/send]
    unless: size(args.to) >= 1 && size(args.to) <= 5 && args.to.all(r, domain(r) in sets.partners)
  - id: nothing-after-untrusted
    effect: forbid
    tools: [mail/send]
    labels: [untrusted]
  - id: long-mails
    effect: require_approval
    tools: [mail/send]
    when: size(args.body) > 10000
    approval: { from: [group:security] }
  - id: only-reports
    effect: forbid
    tools: [files/write]
    unlessArgs: { path: { path: { under: [${REPORTS}], ext: [md, csv] } } }
    otherArgs: permit
  - id: short-reports
    effect: forbid
    tools: [files/write]
    unlessArgs: { content: { bytes: 0..${LONGEST_REPORT} } }
    otherArgs: permit
`

function kitText(server: string, kits: readonly Kit[]): string {
  const classes = kits.map(
    ({ name, effect }) => `  - { tools: [${server}/${name}], effect: ${effect}, data: [internal] }`,
  )
  return [
    `policy: ${server.replace('_', '-')}`,
    'owner: operations@acme.example',
    'timezone: Europe/Berlin',
    'classify:',
    ...classes,
    'rules:',
    ...kits.map(kitRules),
    '',
  ].join('\n')
}

function kitRules({ server, name, limit, regions, word, hours }: Kit): string {
  const id = name.replace('_', '-')
  const rules = `  - id: ${id}-limit
    effect: forbid
    tools: [${server}/${name}]
    when: has(args.amount) && args.amount > ${limit}
  - id: ${id}-region
    effect: forbid
    tools: [${server}/${name}]
    unlessArgs: { region: { one_of: [${regions.join(', ')}] } }
    otherArgs: permit
  - id: ${id}-words
    effect: require_approval
    tools: [${server}/${name}]
    when: has(args.note) && args.note.contains("${word}")
    approval: { from: [group:operations] }`
  if (!hours) return rules
  return `${rules}
  - id: ${id}-hours
    effect: forbid
    tools: [${server}/${name}]
    unless: within(now, "Mon-Sat ${clock(hours.from)}-${clock(hours.to)}")`
}

function clock(hour: number): string {
  return `${String(hour).padStart(2, '0')}:00`
}

/** Grants every tool there is: what is measured is what policies make of it. */
export const MANDATE: string = `mandate: purchasing
agent: ${AGENT}
purpose: { text: Approve class B vendors for the Q4 intake, ref: PROC-1182 }
owner: dana@acme.example
environment: [prod]
valid: { from: 2026-11-01T00:00:00Z, until: 2027-11-01T00:00:00Z }
tools:
  vendors/approve: {}
  mail/send: {}
  files/write: {}
  kit_*/task_*: {}
`
