namespace Ioasis.Memory;

/// <summary>A mapping of a process (Linux: struct vm_area_struct).</summary>
/// <param name="Start">Its first address.</param>
/// <param name="End">The address after its last.</param>
/// <param name="IsShared">Whether it shares a file with whoever maps the file: MAP_SHARED, also of anonymous
/// memory.</param>
internal readonly record struct ProcessMapping(ulong Start, ulong End, bool IsShared);
