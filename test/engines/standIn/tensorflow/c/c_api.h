/* The stand-in's whole API. */
#ifdef __cplusplus
extern "C" {
#endif
const char *TF_Version(void);
int StandIn_CountGpus(void);
#ifdef __cplusplus
}
#endif
