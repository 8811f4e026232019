/**
 * What stands before a value: a brace or a comma, and a name. Each piece that is added to a text costs, so the quotes of texts
 * on either side are part of it.
 */
export class Lead {
  /** Before a text. */
  readonly text: string;
  /** Behind a text whose quote has not been closed. */
  readonly behindText: string;
  readonly betweenTexts: string;

  constructor(readonly plain: string) {
    this.text = `${plain}"`;
    this.behindText = `"${plain}`;
    this.betweenTexts = `"${plain}"`;
  }
}

/** The names that values have are few and come again and again; those of a program that uses ids as names are not kept. */
const KEPT_NAMES = 2_000;
const LONGEST_KEPT = 64;
const first = new Map<string, Lead>();
const following = new Map<string, Lead>();

/** The lead of an object's first member, and of those that follow. */
export const firstName = (name: string): Lead => first.get(name) ?? made(first, '{', name);
export const followingName = (name: string): Lead => following.get(name) ?? made(following, ',', name);

function made(names: Map<string, Lead>, before: string, name: string): Lead {
  const lead = new Lead(`${before}${JSON.stringify(name)}:`);
  if (names.size < KEPT_NAMES && name.length <= LONGEST_KEPT) names.set(name, lead);
  return lead;
}
