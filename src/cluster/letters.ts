/** What the processes of one training tell each other. */
import type { StepPart } from '../model/jointOutcome.ts';

/** What has to be the same for all who train one network, by what it is for people. */
export type Fingerprint = Readonly<Record<string, string>>;

/** A part of a step. The items of a step are divided into as many as there are workers, whoever does them. */
export interface PartPlace {
  /** Steps done with this one. */
  readonly step: number;
  /** From 0: that of the worker of this number, while it is there. */
  readonly share: number;
  /** Of updates by the chief; else 0. */
  readonly round: number;
}

/** A worker, and a name of its own for each time that it joins. */
export interface Member {
  readonly worker: number;
  readonly stay: string;
}

/** To the chief. */
export type LetterToChief =
  | (Member & { readonly kind: 'join'; readonly fingerprint: Fingerprint })
  | (Member & { readonly kind: 'part'; readonly place: PartPlace; readonly part: StepPart })
  /** A part of the step has been under way for a while: what it waits for is not its worker. */
  | (Member & { readonly kind: 'begun'; readonly step: number })
  | (Member & { readonly kind: 'left' })
  /** Of the chief to itself, behind all that came before: the worker is gone. */
  | (Member & { readonly kind: 'lost' });

/** To another worker or a parameter server. */
export type LetterFromChief =
  /** The training goes on after so many steps, for the worker after these. */
  | {
      readonly kind: 'epoch';
      readonly stay: string;
      readonly step: number;
      /** Steps done at its end. */
      readonly end: number;
      /** The step up to which the worker does its own part without another word. */
      readonly until: number;
      /** Items to monitor until the next such letter. */
      readonly monitored: readonly number[];
    }
  /** Where the chief updates with the gradients of all: the parts of the next step are to be done, by the workers of these numbers. */
  | {
      readonly kind: 'round';
      readonly step: number;
      readonly round: number;
      readonly workerOf: readonly number[];
    }
  /** In another way: the worker is to do its own part up to this step. */
  | { readonly kind: 'until'; readonly step: number }
  /** Where each updates for itself: parts that the worker is to do beside its own. */
  | { readonly kind: 'also'; readonly places: readonly PartPlace[] }
  | { readonly kind: 'refused'; readonly stay: string; readonly reason: string }
  /** The chief took the worker for gone. */
  | { readonly kind: 'lost'; readonly stay: string }
  /** To parameter servers, before all else: a chief leads the training. */
  | { readonly kind: 'began' }
  | { readonly kind: 'over' };

/** Any of them. */
export type Letter = LetterToChief | LetterFromChief;
