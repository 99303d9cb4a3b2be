/** What a new system is filled with, so that there is something to look at. Names of people and schools are made up. */
export const demoOrganizations = [
  { key: 'demo', name: 'Demo University' },
  { key: 'lakeside', name: 'Lakeside College' },
  { key: 'harbour', name: 'Harbour Institute of Technology' },
] as const

type CourseRunOfDemo = { readonly key: string; readonly externalKey?: string; readonly title: string }

export type DemoProgram = {
  readonly key: string
  readonly organizationKey: string
  readonly type: string
  readonly title: string
  readonly courseRuns: readonly CourseRunOfDemo[]
}

/** The program with the learners; the only one of the demo in which somebody is enrolled. */
export const demoMasters = {
  key: 'demo-masters',
  organizationKey: 'demo',
  type: 'Masters',
  title: 'Master of Computer Science',
  courseRuns: [
    { key: 'course-v1:DemoX+CS501+2026T1', externalKey: 'CS-501', title: 'Algorithms' },
    { key: 'course-v1:DemoX+CS502+2026T1', title: 'Distributed Systems' },
    { key: 'course-v1:DemoX+CS503+2026T2', externalKey: 'CS-503', title: 'Machine Learning' },
  ],
} as const satisfies DemoProgram

export const demoPrograms: readonly DemoProgram[] = [
  demoMasters,
  {
    key: 'demo-micromasters',
    organizationKey: 'demo',
    type: 'MicroMasters',
    title: 'Statistics and Data Science',
    courseRuns: [{ key: 'course-v1:DemoX+ST101+2026T1', externalKey: 'ST-101', title: 'Probability' }],
  },
  {
    key: 'lakeside-data-science',
    organizationKey: 'lakeside',
    type: 'Masters',
    title: 'Master of Data Science',
    courseRuns: [
      { key: 'course-v1:LakesideX+DS601+2026T1', externalKey: 'DS-601', title: 'Data Engineering' },
      { key: 'course-v1:LakesideX+DS602+2026T1', title: 'Bayesian Methods' },
    ],
  },
  {
    key: 'lakeside-leadership',
    organizationKey: 'lakeside',
    type: 'Professional Certificate',
    title: 'Leading Teams',
    courseRuns: [{ key: 'course-v1:LakesideX+LT1+2026T1', title: 'Conversations that Matter' }],
  },
  {
    key: 'harbour-robotics',
    organizationKey: 'harbour',
    type: 'Masters',
    title: 'Master of Robotics',
    courseRuns: [{ key: 'course-v1:HarbourX+RO701+2026T1', externalKey: 'RO-701', title: 'Kinematics' }],
  },
  {
    key: 'harbour-supply-chain',
    organizationKey: 'harbour',
    type: 'MicroMasters',
    title: 'Supply Chain Management',
    courseRuns: [{ key: 'course-v1:HarbourX+SC1+2026T1', title: 'Supply Chain Fundamentals' }],
  },
]

/** Somebody for each role, on Demo University or on its Masters program. */
export const demoPartners = [
  { username: 'demo-viewer', role: 'organization_read_metadata' },
  { username: 'demo-reader', role: 'organization_read_enrollments' },
  { username: 'demo-writer', role: 'organization_read_write_enrollments' },
  { username: 'demo-reporter', role: 'organization_read_reports' },
  { username: 'demo-program-viewer', role: 'program_read_metadata' },
  { username: 'demo-program-reader', role: 'program_read_enrollments' },
  { username: 'demo-program-writer', role: 'program_read_write_enrollments' },
  { username: 'demo-program-reporter', role: 'program_read_reports' },
] as const

/** Whom `npm start` prints a token for: reads and writes in all programs of Demo University. */
export const demoPartner = 'demo-writer'

/** Made last: who finds this user knows that the demo is complete. */
export const demoSuperuser = 'demo-superuser'

export const demoLearners = 10_000

export type DemoLearner = {
  readonly studentKey: string
  readonly status: string
  readonly account: { readonly username: string; readonly email: string } | undefined
}

/** Learner number `index`, always the same: six in ten have accounts, most are enrolled. */
export function demoLearner(index: number): DemoLearner {
  const number = String(index + 1).padStart(5, '0')
  return {
    studentKey: `DU-${number}`,
    status: rareStatuses[index % 20] ?? 'enrolled',
    account:
      index % 5 < 3 ? { username: `learner-${number}`, email: `learner-${number}@example.org` } : undefined,
  }
}

const rareStatuses = ['pending', 'suspended', 'canceled', 'ended']

/** The grade of learner number `index`, where there is one; some have none yet. */
export function demoGrade(
  index: number,
): { letterGrade: string; percent: string; passed: boolean } | undefined {
  if (index % 7 === 0) return undefined
  const percent = 0.4 + ((index * 37) % 600) / 1_000
  const letterGrade = 'FDCBA'[Math.min(4, Math.max(0, Math.floor((percent - 0.5) * 10)))] as string
  return { letterGrade, percent: percent.toFixed(3), passed: letterGrade !== 'F' }
}
