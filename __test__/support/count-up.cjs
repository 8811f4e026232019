'use strict';

/** Counts one up in a session, from what it has read: anew for as long as somebody else was faster. */
exports.countUp = async function countUp(store) {
  for (;;) {
    const read = await store.getVersioned('counter');
    const session = read?.session ?? { id: 'counter', messages: [], createdAt: new Date(0), updatedAt: new Date(0) };
    session.count = (session.count ?? 0) + 1;
    try {
      return await store.saveVersioned('counter', session, { ifVersion: read?.version ?? null });
    } catch (error) {
      if (error.code !== 'ERR_CONFLICT') throw error;
    }
  }
};
