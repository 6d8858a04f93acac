/** A running replica that keeps keys. */
import type { ClientDoor } from '../../shared/replica/client-door.ts';
import { KeyValueDoors } from '../../shared/replica/key-value-doors.ts';
import type { NamedAnswer, NamedRequest } from '../../shared/replica/named-requests.ts';
import type { OnPart } from '../../shared/replica/own-batch.ts';
import type { SubmitAnswer } from '../../shared/replica/submit-answer.ts';
import type { Subject } from '../../shared/replica/waits.ts';
import type { Watch, Watcher } from '../../shared/replica/watches.ts';
import type { PartOfTransaction } from '../../shared/store/command.ts';
import { KEY_VALUE } from '../../shared/store/key-value.ts';
import type { Store } from '../../shared/store/store.ts';
import { type Application, memoryOf, RunningReplica, type RunningReplicaOptions } from './replica.ts';
import type { ReplicaService } from './service.ts';

const APPLICATION: Application<Store, KeyValueDoors> = {
	kind: KEY_VALUE,
	doors: (store, parts) => new KeyValueDoors(store, parts),
};

export class KeyValueReplica extends RunningReplica<Store, KeyValueDoors> implements ReplicaService {
	/** As `memoryOf`. */
	static async open(options: RunningReplicaOptions): Promise<KeyValueReplica> {
		return new KeyValueReplica(APPLICATION, options, await memoryOf(KEY_VALUE, options));
	}

	get store(): Store {
		return this.machine;
	}

	get clients(): ClientDoor {
		return this.doors.clients;
	}

	transact(operations: readonly PartOfTransaction[], timeoutMs: number, onPart: OnPart): Promise<SubmitAnswer> {
		return new Promise((resolve) => this.replica.transact(operations, timeoutMs, onPart, this.followed(resolve)));
	}

	submitNamed(request: NamedRequest, onPart: OnPart): Promise<NamedAnswer> {
		return new Promise((resolve) => {
			const answer = this.tracing === null ? resolve : this.tracing.commands.followNamed(request, resolve);
			this.replica.submitNamed(request, onPart, answer);
		});
	}

	whenChanged(subject: Subject, index: number, waitMs: number, done: () => void): (() => void) | null {
		return this.doors.whenChanged(subject, index, waitMs, done);
	}

	openWatch(prefix: string, after: number | null, watcher: Watcher): Watch | null {
		return this.doors.openWatch(prefix, after, watcher);
	}

	/** As `KeyValueDoors.endWaits`. */
	endWaits(): void {
		this.doors.endWaits();
	}
}
