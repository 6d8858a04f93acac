/** The rules that can be taken out in the game of the sandbox. The names are a part of its addresses. */

export const RULE_IDS = ['promises', 'disk', 'reported', 'half', 'ballots', 'votes', 'reads'] as const;
export type RuleId = (typeof RULE_IDS)[number];
