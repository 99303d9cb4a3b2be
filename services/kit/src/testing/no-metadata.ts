// @peculiar/x509 asks for metadata of its classes, which only a polyfill could have written; nobody has, and nothing is the answer.
Object.assign(Reflect, { getMetadata: () => undefined, getOwnMetadata: () => undefined })
