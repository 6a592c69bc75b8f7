/** What the processes of one training tell each other. */
import type { StepPart } from '../model/jointOutcome.ts';

/** What has to be the same for all who train one network, by what it is for people. */
export type Fingerprint = Readonly<Record<string, string>>;

/** To the chief. */
export type LetterToChief =
  | { readonly kind: 'join'; readonly worker: number; readonly fingerprint: Fingerprint }
  | {
      readonly kind: 'part';
      readonly worker: number;
      /** Steps done with this one. */
      readonly step: number;
      readonly part: StepPart;
    }
  | { readonly kind: 'left'; readonly worker: number };

/** To another worker or a parameter server. */
export type LetterFromChief =
  /** The training goes on after so many steps; the items are those to monitor until the next such letter. */
  | { readonly kind: 'epoch'; readonly step: number; readonly monitored: readonly number[] }
  /** The chief has so many steps of all workers. */
  | { readonly kind: 'recorded'; readonly step: number }
  | { readonly kind: 'refused'; readonly reason: string }
  /** To parameter servers, before all else: a chief leads the training. */
  | { readonly kind: 'began' }
  | { readonly kind: 'over' };

/** Any of them. */
export type Letter = LetterToChief | LetterFromChief;
