// Which of a pool's instances serve: those of the first tier, and those of the next ones only while the ones before are not enough.

/** A tier with less than this share of its instances available can't carry what it is meant to (panic threshold, as in Envoy). */
const ENOUGH_SHARE = 0.5;
/** Backups stand behind every priority there is. */
const BACKUP_TIER = 1_000;

export const tierOf = ({ priority = 0, backup = false }: { priority?: number; backup?: boolean }): number =>
  priority + (backup ? BACKUP_TIER : 0);

type Ranked = { readonly tier?: number };

/** The last tier that serves, all before it included; Infinity where all of them together are not enough. */
export function servingTier<T extends Ranked>(instances: readonly T[], isAvailable: (instance: T) => boolean): number {
  const tiers = new Map<number, { all: number; available: number }>();
  for (const instance of instances) {
    const { tier = 0 } = instance;
    const { all, available } = tiers.get(tier) ?? { all: 0, available: 0 };
    tiers.set(tier, { all: all + 1, available: available + Number(isAvailable(instance)) });
  }
  const enough = [...tiers].filter(([, { all, available }]) => available >= all * ENOUGH_SHARE);
  return Math.min(...enough.map(([tier]) => tier));
}
