//go:build !nogpu && ((linux && !android && (amd64 || arm64)) || (windows && amd64))

package cuda

// A symbol is a function of the driver API.
type symbol int

const (
	cuInit symbol = iota
	cuDriverGetVersion
	cuGetErrorName
	cuGetErrorString
	cuDeviceGetCount
	cuDeviceGet
	cuDeviceGetName
	cuDeviceTotalMem
	cuDeviceGetAttribute
	cuDeviceGetUuid
	cuDeviceGetPCIBusId
	cuDevicePrimaryCtxRetain
	cuDevicePrimaryCtxRelease
	cuCtxGetCurrent
	cuCtxPushCurrent
	cuCtxPopCurrent
	cuCtxGetDevice
	cuCtxSynchronize
	cuMemGetInfo
	cuMemAlloc
	cuMemFree
	cuMemHostAlloc
	cuMemFreeHost
	cuMemHostRegister
	cuMemHostUnregister
	cuStreamCreate
	cuStreamDestroy
	cuStreamSynchronize
	cuStreamQuery
	cuStreamWaitEvent
	cuEventCreate
	cuEventDestroy
	cuEventRecord
	cuEventQuery
	cuEventSynchronize
	cuEventElapsedTime
	cuMemcpyHtoD
	cuMemcpyDtoH
	cuMemcpyHtoDAsync
	cuMemcpyDtoHAsync
	cuMemcpyDtoDAsync
	cuMemcpy2DAsync
	cuMemsetD8Async
	cuMemsetD32Async
	cuModuleLoadDataEx
	cuModuleUnload
	cuModuleGetFunction
	cuLaunchKernel
	numSymbols
)

// symbols are the exported names. What is optional may be absent: then the facts
// that it tells are not known.
var symbols = [numSymbols]struct {
	name     string
	optional bool
}{
	cuInit:                    {name: "cuInit"},                              // (unsigned flags)
	cuDriverGetVersion:        {name: "cuDriverGetVersion"},                  // (int *version)
	cuGetErrorName:            {name: "cuGetErrorName"},                      // (CUresult, const char **)
	cuGetErrorString:          {name: "cuGetErrorString"},                    // (CUresult, const char **)
	cuDeviceGetCount:          {name: "cuDeviceGetCount"},                    // (int *count)
	cuDeviceGet:               {name: "cuDeviceGet"},                         // (CUdevice *, int ordinal)
	cuDeviceGetName:           {name: "cuDeviceGetName"},                     // (char *name, int len, CUdevice)
	cuDeviceTotalMem:          {name: "cuDeviceTotalMem_v2"},                 // (size_t *bytes, CUdevice)
	cuDeviceGetAttribute:      {name: "cuDeviceGetAttribute"},                // (int *, CUdevice_attribute, CUdevice)
	cuDeviceGetUuid:           {name: "cuDeviceGetUuid", optional: true},     // (CUuuid *, CUdevice)
	cuDeviceGetPCIBusId:       {name: "cuDeviceGetPCIBusId", optional: true}, // (char *id, int len, CUdevice)
	cuDevicePrimaryCtxRetain:  {name: "cuDevicePrimaryCtxRetain"},            // (CUcontext *, CUdevice)
	cuDevicePrimaryCtxRelease: {name: "cuDevicePrimaryCtxRelease_v2"},        // (CUdevice)
	cuCtxGetCurrent:           {name: "cuCtxGetCurrent"},                     // (CUcontext *)
	cuCtxPushCurrent:          {name: "cuCtxPushCurrent_v2"},                 // (CUcontext)
	cuCtxPopCurrent:           {name: "cuCtxPopCurrent_v2"},                  // (CUcontext *)
	cuCtxGetDevice:            {name: "cuCtxGetDevice"},                      // (CUdevice *)
	cuCtxSynchronize:          {name: "cuCtxSynchronize"},                    // (void)
	cuMemGetInfo:              {name: "cuMemGetInfo_v2"},                     // (size_t *free, size_t *total)
	cuMemAlloc:                {name: "cuMemAlloc_v2"},                       // (CUdeviceptr *, size_t)
	cuMemFree:                 {name: "cuMemFree_v2"},                        // (CUdeviceptr)
	cuMemHostAlloc:            {name: "cuMemHostAlloc"},                      // (void **, size_t, unsigned flags)
	cuMemFreeHost:             {name: "cuMemFreeHost"},                       // (void *)
	cuMemHostRegister:         {name: "cuMemHostRegister_v2"},                // (void *, size_t, unsigned flags)
	cuMemHostUnregister:       {name: "cuMemHostUnregister"},                 // (void *)
	cuStreamCreate:            {name: "cuStreamCreate"},                      // (CUstream *, unsigned flags)
	cuStreamDestroy:           {name: "cuStreamDestroy_v2"},                  // (CUstream)
	cuStreamSynchronize:       {name: "cuStreamSynchronize"},                 // (CUstream)
	cuStreamQuery:             {name: "cuStreamQuery"},                       // (CUstream)
	cuStreamWaitEvent:         {name: "cuStreamWaitEvent"},                   // (CUstream, CUevent, unsigned flags)
	cuEventCreate:             {name: "cuEventCreate"},                       // (CUevent *, unsigned flags)
	cuEventDestroy:            {name: "cuEventDestroy_v2"},                   // (CUevent)
	cuEventRecord:             {name: "cuEventRecord"},                       // (CUevent, CUstream)
	cuEventQuery:              {name: "cuEventQuery"},                        // (CUevent)
	cuEventSynchronize:        {name: "cuEventSynchronize"},                  // (CUevent)
	cuEventElapsedTime:        {name: "cuEventElapsedTime"},                  // (float *ms, CUevent start, CUevent end)
	cuMemcpyHtoD:              {name: "cuMemcpyHtoD_v2"},                     // (CUdeviceptr, const void *, size_t)
	cuMemcpyDtoH:              {name: "cuMemcpyDtoH_v2"},                     // (void *, CUdeviceptr, size_t)
	cuMemcpyHtoDAsync:         {name: "cuMemcpyHtoDAsync_v2"},                // (CUdeviceptr, const void *, size_t, CUstream)
	cuMemcpyDtoHAsync:         {name: "cuMemcpyDtoHAsync_v2"},                // (void *, CUdeviceptr, size_t, CUstream)
	cuMemcpyDtoDAsync:         {name: "cuMemcpyDtoDAsync_v2"},                // (CUdeviceptr, CUdeviceptr, size_t, CUstream)
	cuMemcpy2DAsync:           {name: "cuMemcpy2DAsync_v2"},                  // (const CUDA_MEMCPY2D *, CUstream)
	cuMemsetD8Async:           {name: "cuMemsetD8Async"},                     // (CUdeviceptr, unsigned char, size_t, CUstream)
	cuMemsetD32Async:          {name: "cuMemsetD32Async"},                    // (CUdeviceptr, unsigned, size_t, CUstream)
	cuModuleLoadDataEx:        {name: "cuModuleLoadDataEx"},                  // (CUmodule *, const void *image, unsigned n, CUjit_option *, void **)
	cuModuleUnload:            {name: "cuModuleUnload"},                      // (CUmodule)
	cuModuleGetFunction:       {name: "cuModuleGetFunction"},                 // (CUfunction *, CUmodule, const char *name)
	cuLaunchKernel:            {name: "cuLaunchKernel"},                      // (CUfunction, unsigned grid x, y, z, block x, y, z, shared, CUstream, void **params, void **extra)
}

// minVersion is CUDA 11.0, whose compiler knows PTX 7.0, the language of our kernels
// (PTX ISA, section "Release Notes").
const minVersion = 11000

// Flags and numbers of cuda.h.
const (
	streamNonBlocking    = 1 // CU_STREAM_NON_BLOCKING
	eventBlockingSync    = 1 // CU_EVENT_BLOCKING_SYNC
	eventDisableTiming   = 2 // CU_EVENT_DISABLE_TIMING
	hostAllocPortable    = 1 // CU_MEMHOSTALLOC_PORTABLE
	hostRegisterPortable = 1 // CU_MEMHOSTREGISTER_PORTABLE

	jitErrorLogBuffer     = 5 // CU_JIT_ERROR_LOG_BUFFER
	jitErrorLogBufferSize = 6 // CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES

	attrMultiprocessors = 16 // CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
	attrCopyEngines     = 40 // CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT
	attrMajor           = 75 // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
	attrMinor           = 76 // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR
	attrHostRegister    = 99 // CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED

	memoryHost   = 1 // CU_MEMORYTYPE_HOST
	memoryDevice = 2 // CU_MEMORYTYPE_DEVICE
)
