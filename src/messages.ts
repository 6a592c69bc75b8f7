/** The messages of `proto/*.proto` as TypeScript has them: the same fields, bytes for `bytes`, numbers for `int64`. */

/** The type of a tensor's elements. */
export type DataType =
  | 'DT_INVALID'
  | 'DT_FLOAT'
  | 'DT_DOUBLE'
  | 'DT_INT32'
  | 'DT_UINT8'
  | 'DT_INT16'
  | 'DT_INT8'
  | 'DT_STRING'
  | 'DT_INT64'
  | 'DT_BOOL'
  | 'DT_BFLOAT16'
  | 'DT_HALF'
  | 'DT_RESOURCE';

export interface TensorShapeProto {
  readonly dim?: readonly {
    /** −1 is unknown. */
    readonly size?: number;
  }[];
  readonly unknown_rank?: boolean;
}

export interface TensorProto {
  readonly dtype?: DataType;
  readonly tensor_shape?: TensorShapeProto;
  /** Row-major, little-endian. */
  readonly tensor_content?: Uint8Array;
  readonly float_val?: readonly number[];
  readonly string_val?: readonly Uint8Array[];
}

/** One of its fields. */
export interface AttrValue {
  readonly list?: {
    readonly s?: readonly Uint8Array[];
    readonly i?: readonly number[];
    readonly f?: readonly number[];
    readonly b?: readonly boolean[];
    readonly type?: readonly DataType[];
    readonly shape?: readonly TensorShapeProto[];
  };
  readonly s?: Uint8Array;
  readonly i?: number;
  readonly f?: number;
  readonly b?: boolean;
  readonly type?: DataType;
  readonly shape?: TensorShapeProto;
  readonly tensor?: TensorProto;
}

export interface NodeDef {
  readonly name?: string;
  readonly op?: string;
  /** 'node', 'node:1' for its second output, '^node' to run after it. */
  readonly input?: readonly string[];
  readonly device?: string;
  readonly attr?: Readonly<Record<string, AttrValue>>;
}

interface VersionDef {
  readonly producer?: number;
  readonly min_consumer?: number;
  readonly bad_consumers?: readonly number[];
}

export interface GraphDef {
  readonly node?: readonly NodeDef[];
  readonly versions?: VersionDef;
}

export interface ServerDef {
  readonly cluster?: {
    readonly job?: readonly {
      readonly name?: string;
      /** HOST:PORT by index. */
      readonly tasks?: Readonly<Record<number, string>>;
    }[];
  };
  readonly job_name?: string;
  readonly task_index?: number;
  readonly default_session_config?: ConfigProto;
  readonly protocol?: string;
}

export interface ConfigProto {
  readonly device_filters?: readonly string[];
  readonly allow_soft_placement?: boolean;
  readonly experimental?: { readonly collective_group_leader?: string };
}

export interface RunOptions {
  readonly experimental?: { readonly collective_graph_key?: number };
}

export interface GetStatusResponse {
  readonly device_attributes?: readonly {
    readonly name?: string;
    readonly incarnation?: number;
  }[];
}

export interface TensorInfo {
  readonly name?: string;
  readonly dtype?: DataType;
  readonly tensor_shape?: TensorShapeProto;
}

export interface SignatureDef {
  readonly inputs?: Readonly<Record<string, TensorInfo>>;
  readonly outputs?: Readonly<Record<string, TensorInfo>>;
  readonly method_name?: string;
}

export interface SavedModel {
  readonly saved_model_schema_version?: number;
  readonly meta_graphs?: readonly {
    readonly meta_info_def?: { readonly tags?: readonly string[] };
    readonly graph_def?: GraphDef;
    readonly signature_def?: Readonly<Record<string, SignatureDef>>;
  }[];
}

export interface SummaryMetadata {
  readonly plugin_data?: { readonly plugin_name?: string; readonly content?: Uint8Array };
  readonly display_name?: string;
  /** Markdown. */
  readonly summary_description?: string;
  readonly data_class?:
    | 'DATA_CLASS_UNKNOWN'
    | 'DATA_CLASS_SCALAR'
    | 'DATA_CLASS_TENSOR'
    | 'DATA_CLASS_BLOB_SEQUENCE';
}

export interface Summary {
  readonly value?: readonly {
    readonly tag?: string;
    readonly tensor?: TensorProto;
    readonly metadata?: SummaryMetadata;
  }[];
}

/** One of its fields from `file_version` on. */
export interface Event {
  /** Seconds since 1970. */
  readonly wall_time?: number;
  readonly step?: number;
  readonly file_version?: string;
  /** A GraphDef. */
  readonly graph_def?: Uint8Array;
  readonly summary?: Summary;
  readonly session_log?: {
    readonly status?: 'STATUS_UNSPECIFIED' | 'START' | 'STOP' | 'CHECKPOINT';
    readonly checkpoint_path?: string;
    readonly msg?: string;
  };
}

/** One of its fields. */
export interface HParamsValue {
  readonly number_value?: number;
  readonly string_value?: string;
  readonly bool_value?: boolean;
}

/** `version` and one of the others. */
export interface HParamsPluginData {
  readonly version?: number;
  readonly session_start_info?: {
    readonly hparams?: Readonly<Record<string, HParamsValue>>;
    /** Seconds since 1970. */
    readonly start_time_secs?: number;
  };
  readonly session_end_info?: {
    readonly status?: 'STATUS_UNKNOWN' | 'STATUS_SUCCESS' | 'STATUS_FAILURE' | 'STATUS_RUNNING';
    /** Seconds since 1970. */
    readonly end_time_secs?: number;
  };
}

export interface PrCurvePluginData {
  readonly version?: number;
  readonly num_thresholds?: number;
}

export interface BundleHeaderProto {
  readonly num_shards?: number;
  readonly endianness?: 'LITTLE' | 'BIG';
  readonly version?: VersionDef;
}

export interface TensorSliceProto {
  readonly extent?: readonly {
    readonly start?: number;
    /** Absent: the whole dimension. */
    readonly length?: number;
  }[];
}

export interface BundleEntryProto {
  readonly dtype?: DataType;
  readonly shape?: TensorShapeProto;
  readonly shard_id?: number;
  readonly offset?: number;
  /** Bytes. */
  readonly size?: number;
  /** Masked. */
  readonly crc32c?: number;
  readonly slices?: readonly TensorSliceProto[];
}

/** The first of a checkpoint's table has `meta`, every other one `data`. */
export interface SavedTensorSlices {
  readonly meta?: {
    readonly tensor?: readonly {
      readonly name?: string;
      readonly shape?: TensorShapeProto;
      readonly type?: DataType;
      readonly slice?: readonly TensorSliceProto[];
    }[];
  };
  readonly data?: {
    readonly name?: string;
    readonly slice?: TensorSliceProto;
    readonly data?: { readonly float_val?: readonly number[] };
  };
}

export interface CheckpointState {
  readonly model_checkpoint_path?: string;
  readonly all_model_checkpoint_paths?: readonly string[];
  readonly all_model_checkpoint_timestamps?: readonly number[];
  readonly last_preserved_timestamp?: number;
}

/** One of its fields. */
export interface Feature {
  readonly bytes_list?: { readonly value?: readonly Uint8Array[] };
  readonly float_list?: { readonly value?: readonly number[] };
  readonly int64_list?: { readonly value?: readonly number[] };
}

export interface Example {
  readonly features?: { readonly feature?: Readonly<Record<string, Feature>> };
}
