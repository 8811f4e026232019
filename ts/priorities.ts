/** Which events are critical when nobody says otherwise: what an agent that comes back must learn. */
export const CRITICAL_EVENTS: readonly string[] = [
  'agent_handoff',
  'plan_created',
  'user_interrupted',
  'orchestration_decision',
];
