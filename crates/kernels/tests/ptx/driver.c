/* A CUDA driver that runs nothing: it has one device of a compute capability of one's choice, its memory is the host's,
 * a launch does nothing, and every program that is loaded is written to a folder. So that kernels can be compiled, by
 * the code that launches them, where there is no GPU.
 *
 * PTX_DRIVER_SM is the capability (89), PTX_DRIVER_DIR the folder. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int result;
typedef unsigned long long pointer;

static int capability(void) {
    const char *text = getenv("PTX_DRIVER_SM");
    return text ? atoi(text) : 80;
}

static void *handle(void) { return malloc(8); }

static void *memory(size_t bytes) { return aligned_alloc(512, (bytes + 511) / 512 * 512); }

result cuInit(unsigned flags) { return 0; }
result cuDriverGetVersion(int *version) { *version = 13000; return 0; }
result cuDeviceGetCount(int *count) { *count = 1; return 0; }
result cuDeviceGet(int *device, int index) { *device = 0; return 0; }
result cuDeviceGetName(char *name, int bytes, int device) { snprintf(name, bytes, "no device"); return 0; }
result cuDeviceGetPCIBusId(char *id, int bytes, int device) { snprintf(id, bytes, "0000:00:00.0"); return 0; }
result cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = (size_t)8 << 30; return 0; }

/* The attributes by their numbers in cuda.h. */
result cuDeviceGetAttribute(int *value, int attribute, int device) {
    switch (attribute) {
    case 75: *value = capability() / 10; break; /* major */
    case 76: *value = capability() % 10; break; /* minor */
    case 10: *value = 32; break;                /* warp */
    case 97: *value = 101376; break;            /* shared memory of a block, opted in */
    case 1: case 2: case 3: *value = 1024; break; /* threads of a block, x, y */
    case 4: *value = 64; break;                 /* z */
    case 5: *value = 2147483647; break;         /* blocks of a grid, x */
    case 6: case 7: *value = 65535; break;      /* y, z */
    case 16: *value = 128; break;               /* multiprocessors */
    default: *value = 1;
    }
    return 0;
}

result cuDevicePrimaryCtxRetain(void **context, int device) { *context = handle(); return 0; }
result cuCtxSetCurrent(void *context) { return 0; }
result cuCtxGetStreamPriorityRange(int *least, int *greatest) { *least = *greatest = 0; return 0; }
result cuStreamCreate(void **stream, unsigned flags) { *stream = handle(); return 0; }
result cuStreamCreateWithPriority(void **stream, unsigned flags, int priority) { *stream = handle(); return 0; }
result cuStreamDestroy_v2(void *stream) { return 0; }
result cuStreamSynchronize(void *stream) { return 0; }
result cuStreamWaitEvent(void *stream, void *event, unsigned flags) { return 0; }
result cuEventCreate(void **event, unsigned flags) { *event = handle(); return 0; }
result cuEventRecord(void *event, void *stream) { return 0; }
result cuEventQuery(void *event) { return 0; }
result cuEventSynchronize(void *event) { return 0; }
result cuEventDestroy_v2(void *event) { return 0; }
/* Long: whoever looks for the device's best rate stops at once. */
result cuEventElapsedTime(float *ms, void *from, void *to) { *ms = 200; return 0; }
result cuEventElapsedTime_v2(float *ms, void *from, void *to) { *ms = 200; return 0; }

result cuMemAlloc_v2(pointer *at, size_t bytes) { *at = (pointer)memory(bytes); return 0; }
result cuMemAllocAsync(pointer *at, size_t bytes, void *stream) { return cuMemAlloc_v2(at, bytes); }
result cuMemFree_v2(pointer at) { free((void *)at); return 0; }
result cuMemFreeAsync(pointer at, void *stream) { return cuMemFree_v2(at); }
result cuMemAllocHost_v2(void **at, size_t bytes) { *at = memory(bytes); return 0; }
result cuMemFreeHost(void *at) { free(at); return 0; }
result cuMemcpyHtoDAsync_v2(pointer to, const void *from, size_t bytes, void *stream) {
    memcpy((void *)to, from, bytes);
    return 0;
}
result cuMemcpyDtoHAsync_v2(void *to, pointer from, size_t bytes, void *stream) {
    memcpy(to, (void *)from, bytes);
    return 0;
}
result cuMemcpyDtoDAsync_v2(pointer to, pointer from, size_t bytes, void *stream) {
    memcpy((void *)to, (void *)from, bytes);
    return 0;
}
result cuMemcpy2DAsync_v2(const void *copy, void *stream) { return 0; }
result cuTensorMapEncodeTiled(void *map, ...) { return 0; }

result cuModuleLoadData(void **module, const char *program) {
    static int count;
    char path[4096];
    const char *folder = getenv("PTX_DRIVER_DIR");
    snprintf(path, sizeof path, "%s/%d.ptx", folder ? folder : ".", count++);
    FILE *file = fopen(path, "w");
    if (!file) return 1;
    int failed = fputs(program, file) < 0;
    *module = handle();
    return fclose(file) || failed;
}
result cuModuleGetFunction(void **function, void *module, const char *name) { *function = handle(); return 0; }
result cuModuleUnload(void *module) { return 0; }
result cuFuncSetAttribute(void *function, int attribute, int value) { return 0; }
result cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by, unsigned bz,
                      unsigned shared, void *stream, void **arguments, void **extra) {
    return 0;
}
/* A recording is an empty graph. */
result cuStreamBeginCapture_v2(void *stream, int mode) { return 0; }
result cuStreamEndCapture(void *stream, void **graph) { *graph = handle(); return 0; }
result cuGraphGetNodes(void *graph, void **nodes, size_t *count) { *count = 0; return 0; }
result cuGraphInstantiateWithFlags(void **program, void *graph, unsigned long long flags) { *program = handle(); return 0; }
result cuGraphUpload(void *program, void *stream) { return 0; }
result cuGraphLaunch(void *program, void *stream) { return 0; }
result cuGraphDestroy(void *graph) { return 0; }
result cuGraphExecDestroy(void *program) { return 0; }

result cuGetErrorString(int error, const char **text) { *text = "an error"; return 0; }
result cuGetErrorName(int error, const char **text) { *text = "ERROR"; return 0; }
