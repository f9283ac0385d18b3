namespace Ioasis.Diagnostics.State;

/// <summary>The mappings of a range of an IOAS. Neighbours that a picture cannot tell apart are one run.</summary>
/// <param name="Count">How many mappings have a byte in the range.</param>
/// <param name="Bytes">The sum of their lengths.</param>
/// <param name="IsComplete">Whether that is all; else reading took too long, and what is above the last run is not
/// there.</param>
/// <param name="Runs">The runs, in ascending order.</param>
internal sealed record MapsState(long Count, long Bytes, bool IsComplete, IReadOnlyList<MapRunState> Runs);

/// <summary>One mapping, or several neighbours.</summary>
/// <param name="First">The first address.</param>
/// <param name="Last">The last address.</param>
/// <param name="Access">As in <see cref="MapState.Access"/>: what devices may do to some of it.</param>
/// <param name="IsMixed">Whether devices may do other things elsewhere in it.</param>
/// <param name="Maps">How many mappings.</param>
/// <param name="Bytes">The sum of their lengths.</param>
/// <param name="Address">Of one mapping, the address in the process that it begins with.</param>
/// <param name="FileOffset">Of one mapping of a file, the offset instead.</param>
internal sealed record MapRunState(
    ulong First, ulong Last, string Access, bool IsMixed, long Maps, long Bytes, ulong? Address = null,
    ulong? FileOffset = null);

/// <summary>The pages of a HWPT that devices wrote since a program last took that knowledge.</summary>
/// <param name="PageSize">Bytes of a page.</param>
/// <param name="IsTracking">Whether writes are recorded now.</param>
/// <param name="Dirty">How many pages of the range are dirty.</param>
/// <param name="Runs">They, in ascending order.</param>
internal sealed record DirtyState(long PageSize, bool IsTracking, long Dirty, IReadOnlyList<DirtyRunState> Runs);

/// <summary>Dirty pages that are neighbours.</summary>
/// <param name="First">The first address.</param>
/// <param name="Last">The last address.</param>
/// <param name="Pages">How many pages between them are dirty.</param>
internal sealed record DirtyRunState(ulong First, ulong Last, long Pages);
