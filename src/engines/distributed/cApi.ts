/** The functions of TensorFlow's C library that servers and sessions against them take, called by koffi. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';

/** An address in TensorFlow's memory. */
export type Pointer = bigint;

function declare(packageFolder: string) {
  const folder = join(packageFolder, 'deps', 'lib');
  const load = (name: RegExp) => {
    const file = readdirSync(folder).find((candidate) => name.test(candidate));
    if (file === undefined) throw new Error(`${folder}: holds no ${name.source}`);
    return koffi.load(join(folder, file), { lazy: true });
  };
  const library = load(/^libtensorflow(_cc)?\.so\.\d+$/);
  const framework = load(/^libtensorflow_framework\.so\.\d+$/);
  const status = framework.func('void* TF_NewStatus()')() as Pointer;
  const getCode = framework.func('int TF_GetCode(void*)');
  const getMessage = framework.func('const char* TF_Message(void*)');
  /** A function whose last argument is a status. */
  const checked = <Arguments extends unknown[], Result>(declaration: string) => {
    const call = library.func(declaration);
    return (...given: Arguments): Result => {
      const result = call(...given, status) as Result;
      const code = getCode(status) as number;
      if (code !== 0) throw new Error(getMessage(status) as string);
      return result;
    };
  };
  const plain = <Arguments extends unknown[], Result>(declaration: string) =>
    library.func(declaration) as unknown as (...given: Arguments) => Result;
  const ofTensor = <Arguments extends unknown[], Result>(declaration: string) =>
    framework.func(declaration) as unknown as (...given: Arguments) => Result;
  return {
    version: plain<[], string>('const char* TF_Version()'),
    newServer: checked<[proto: Uint8Array, size: number], Pointer>(
      'void* TF_NewServer(const void*, size_t, void*)',
    ),
    startServer: checked<[server: Pointer], void>('void TF_ServerStart(void*, void*)'),
    serverTarget: plain<[server: Pointer], string>('const char* TF_ServerTarget(void*)'),
    newGraph: plain<[], Pointer>('void* TF_NewGraph()'),
    deleteGraph: plain<[graph: Pointer], void>('void TF_DeleteGraph(void*)'),
    newBuffer: plain<[proto: Uint8Array, size: number], Pointer>(
      'void* TF_NewBufferFromString(const void*, size_t)',
    ),
    deleteBuffer: plain<[buffer: Pointer], void>('void TF_DeleteBuffer(void*)'),
    newImportOptions: plain<[], Pointer>('void* TF_NewImportGraphDefOptions()'),
    deleteImportOptions: plain<[options: Pointer], void>(
      'void TF_DeleteImportGraphDefOptions(void*)',
    ),
    importGraph: checked<[graph: Pointer, graphDef: Pointer, options: Pointer], void>(
      'void TF_GraphImportGraphDef(void*, void*, void*, void*)',
    ),
    operation: plain<[graph: Pointer, name: string], Pointer>(
      'void* TF_GraphOperationByName(void*, const char*)',
    ),
    newSessionOptions: plain<[], Pointer>('void* TF_NewSessionOptions()'),
    deleteSessionOptions: plain<[options: Pointer], void>('void TF_DeleteSessionOptions(void*)'),
    setTarget: plain<[options: Pointer, target: string], void>(
      'void TF_SetTarget(void*, const char*)',
    ),
    setConfig: checked<[options: Pointer, proto: Uint8Array, size: number], void>(
      'void TF_SetConfig(void*, const void*, size_t, void*)',
    ),
    newSession: checked<[graph: Pointer, options: Pointer], Pointer>(
      'void* TF_NewSession(void*, void*, void*)',
    ),
    closeSession: checked<[session: Pointer], void>('void TF_CloseSession(void*, void*)'),
    deleteSession: checked<[session: Pointer], void>('void TF_DeleteSession(void*, void*)'),
    run: checked<
      [
        session: Pointer,
        options: Pointer | null,
        inputs: Uint8Array,
        inputTensors: BigUint64Array,
        inputCount: number,
        outputs: Uint8Array,
        outputTensors: BigUint64Array,
        outputCount: number,
        targets: BigUint64Array,
        targetCount: number,
        metadata: null,
      ],
      void
    >(
      'void TF_SessionRun(void*, void*, const void*, const void*, int, const void*, void*, int, const void*, int, void*, void*)',
    ),
    allocateTensor: ofTensor<
      [dtype: number, sizes: BigInt64Array, rank: number, bytes: number],
      Pointer
    >('void* TF_AllocateTensor(int, const int64_t*, int, size_t)'),
    deleteTensor: ofTensor<[tensor: Pointer], void>('void TF_DeleteTensor(void*)'),
    tensorData: ofTensor<[tensor: Pointer], Pointer>('void* TF_TensorData(void*)'),
    tensorBytes: ofTensor<[tensor: Pointer], number>('size_t TF_TensorByteSize(void*)'),
    tensorType: ofTensor<[tensor: Pointer], number>('int TF_TensorType(void*)'),
    tensorRank: ofTensor<[tensor: Pointer], number>('int TF_NumDims(void*)'),
    tensorSize: ofTensor<[tensor: Pointer, dimension: number], number>(
      'int64_t TF_Dim(void*, int)',
    ),
  };
}

/** What cannot be done they throw as TensorFlow says it. */
export type CApi = ReturnType<typeof declare>;

/**
 * The functions of an engine's TensorFlow, for the thread that asks.
 *
 * @param packageFolder  the folder of tfjs-node-gpu, with the libraries in deps/lib
 * @throws Error         when they do not load
 */
export function loadCApi(packageFolder: string): CApi {
  return declare(packageFolder);
}

/** The memory at an address, which stays TensorFlow's. */
export function memoryAt(address: Pointer, bytes: number): ArrayBuffer {
  return koffi.view(address, bytes);
}
