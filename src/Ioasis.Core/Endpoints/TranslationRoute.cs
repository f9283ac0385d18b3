using Ioasis.Core.Domains;

namespace Ioasis.Core.Endpoints;

/// <summary>What a port needs to translate a request that is not blocked, in one object that is replaced as a whole.</summary>
/// <param name="Table">The mappings.</param>
/// <param name="LastAddress">The last address that the unit translates.</param>
internal sealed record TranslationRoute(MappingTable Table, ulong LastAddress);
