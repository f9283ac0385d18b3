namespace Ioasis.Core.Domains;

/// <summary>What a mapping is, for showing.</summary>
/// <param name="First">Its first address.</param>
/// <param name="Last">Its last address.</param>
/// <param name="Access">What devices may do.</param>
internal readonly record struct MappingView(ulong First, ulong Last, MapAccess Access);
