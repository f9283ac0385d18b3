using Ioasis.Iommufd.Files;

namespace Ioasis.Iommufd.Sva;

/// <summary>An open /dev/sva.</summary>
public interface ISvaFile : IOpenFile
{
    /// <summary>Its PASIDs and their page tables.</summary>
    SvaFileContext Sva { get; }
}
