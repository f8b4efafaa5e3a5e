/** Whether somebody typed what can be an id of ours: PostgreSQL refuses to compare a uuid with anything else. */
export const isUuid = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
