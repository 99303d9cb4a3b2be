/** What is put down in the audit trail, thing and verb. Readers filter by these words: they stay what they are. */
export const auditActions = [
  'user.created',
  'user.updated',
  'group.created',
  'group.updated',
  'group.deleted',
  'member.added',
  'member.removed',
  'member.invited',
  'permission.granted',
  'permission.revoked',
  'flag.enabled',
  'flag.disabled',
  'audit.purged',
] as const

export type AuditAction = (typeof auditActions)[number]
