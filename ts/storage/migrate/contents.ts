/** What two stores have to compare: digests of what they give, whoever wrote them. */
import { createHash } from 'node:crypto';

import { encode } from '../../codec.js';
import { encodeSession } from '../../session.js';
import type { ChatSession } from '../../types.js';

/** What a value is as text, in short. */
export interface Fingerprint {
  digest: string;
  bytes: number;
}

/** What an adapter of somebody else's gives need not be what our codec takes; JSON says enough to compare it. */
const ANYTHING = { unsupported: 'json' } as const;

export function fingerprintOfSession(session: ChatSession): Fingerprint {
  const { head, messages, messageTypes } = encodeSession(session, ANYTHING);
  return fingerprint([head.text, head.types ?? '', messages, messageTypes]);
}

export function fingerprintOfValue(value: unknown): Fingerprint {
  const { text, types } = encode(value, ANYTHING);
  return fingerprint([text, types ?? '']);
}

function fingerprint(texts: string[]): Fingerprint {
  const hash = createHash('sha256');
  let bytes = 0;
  for (const text of texts) {
    const part = Buffer.from(text);
    bytes += part.length;
    // With its length before each, no two lists of texts look the same.
    hash.update(`${part.length}:`).update(part);
  }
  return { digest: hash.digest('hex'), bytes };
}
