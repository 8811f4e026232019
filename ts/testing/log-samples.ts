/** An event with everything in it, for the suite of event logs. */
import type { NewEvent } from '../types.js';
import { ODD_TEXT } from './samples.js';

/** An event with every member that it can have; made anew for each use, always the same for one id and time. */
export function fullEvent(id: string, timestamp: number): NewEvent {
  return {
    topic: 'tool_executed',
    payload: { tool: 'search', results: [{ title: ODD_TEXT }, null], took: 1.5 },
    priority: 'critical',
    id,
    timestamp,
    conversationId: 'conversation-1',
    agentId: 'agent-1',
    metadata: { planId: 'plan-1', tags: ['a', 'b'] },
  };
}

/** Changes what such an event has inside, as far as it can be changed: one that is frozen is nobody's to change. */
export function change({ payload, metadata }: NewEvent): void {
  const { results } = payload as { results: object[] };
  const { tags } = metadata as { tags: string[] };
  Reflect.set(results[0] ?? {}, 'title', 'changed');
  Reflect.set(results, 'length', 1);
  Reflect.set(payload as object, 'tool', 'changed');
  Reflect.set(metadata as object, 'planId', 'changed');
  Reflect.set(tags, 0, 'changed');
}
