using Ioasis.Iommufd.Files;

namespace Ioasis.Iommufd.Sva;

/// <summary>An open /dev/sva.</summary>
public interface ISvaFile : IOpenFile
{
    /// <summary>Its PASIDs, with their page tables.</summary>
    SvaContext Sva { get; }
}
