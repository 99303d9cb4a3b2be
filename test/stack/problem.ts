/** A fault that the person at the keyboard can fix: the message is one sentence that says what to do. */
export class StackProblem extends Error {
  override readonly name = 'StackProblem'
}
