/**
 * What operators are told of trouble at the doors of a node and in its process, each kind at a bounded rate. As long as
 * the node has no replica it is told in the log alone. From then on refusals and stalls are facts, which are logged too.
 */
import type { DoorName } from '../front/front.ts';
import type { RunningReplica } from '../replica/replica.ts';
import type { NodeLogger } from './logger.ts';
import { kindOfText, Repeats } from './repeats.ts';
import { withoutSecrets } from './without-secrets.ts';

/** A connection or request that was refused. */
interface Refused {
	readonly door: DoorName;
	/** An address. */
	readonly from: string;
	readonly why: string;
}

interface Failure {
	readonly error: unknown;
	readonly text: string;
}

/** The part of a replica that makes facts of reports. */
type ReportedTo = Pick<RunningReplica<never, never>, 'facts' | 'stalled'>;

export class Reports {
	readonly #log: NodeLogger;
	readonly #secrets: readonly string[];
	#replica: ReportedTo | null = null;
	readonly #refusals = new Repeats<Refused>((last, count) => this.#tellRefused(last, count));
	readonly #failures = new Repeats<Failure>((last, count) => this.#tellFailed(last, count));
	readonly #stalls = new Repeats<number>((ms, count) => this.#tellStalled(ms, count));

	/** @param secrets are left out of refusals, which quote what strangers have sent */
	constructor(log: NodeLogger, secrets: readonly string[]) {
		this.#log = log;
		this.#secrets = secrets;
	}

	/** From now on the replica makes facts of refusals and stalls. */
	become(replica: ReportedTo): void {
		this.#replica = replica;
	}

	/** @param from an address */
	refused(door: DoorName, from: string, why: string): void {
		this.#refusals.note(`${door} ${kindOfText(why)}`, { door, from, why });
	}

	/** An unexpected error that the node survives. @param text what failed, in a few words */
	failed(error: unknown, text: string): void {
		const why = error instanceof Error ? error.message : String(error);
		this.#failures.note(kindOfText(why), { error, text });
	}

	/** A step of the event loop took so long, milliseconds. */
	stalled(ms: number): void {
		this.#stalls.note('stall', ms);
	}

	/** Tells what was not told yet. */
	stop(): void {
		this.#refusals.stop();
		this.#failures.stop();
		this.#stalls.stop();
	}

	#tellRefused({ door, from, why: last }: Refused, count: number): void {
		const shown = withoutSecrets(last, this.#secrets);
		const why = count === 1 ? shown : `${count} more like it, at last: ${shown}`;
		if (this.#replica) this.#replica.facts.tell({ kind: 'malformed', door, from, why });
		else this.#log.warn(`${door}: ${why} (from ${from})`);
	}

	#tellFailed({ error, text }: Failure, count: number): void {
		this.#log.error({ err: error }, count === 1 ? text : `${text} (and ${count - 1} more times)`);
	}

	#tellStalled(ms: number, count: number): void {
		const more = count === 1 ? '' : ` (and ${count - 1} more times for long)`;
		const text = `the event loop stood still for ${Math.round(ms)} ms, and nothing was answered meanwhile${more}`;
		if (this.#replica) this.#replica.stalled(ms, text);
		else this.#log.warn(text);
	}
}
