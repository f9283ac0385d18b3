using Ioasis.Core.Domains;
using Ioasis.Core.Observation;
using Ioasis.Memory;

namespace Ioasis.Iommufd.Mapping;

/// <summary>One mapping of an IOAS as it is shown.</summary>
/// <param name="Range">Its addresses.</param>
/// <param name="Access">What devices may do.</param>
/// <param name="Memory">What it begins with.</param>
internal readonly record struct AreaView(IovaRange Range, MapAccess Access, MappedMemory Memory);
