using Ioasis.Abi;
using Ioasis.Iommufd.Files;

namespace Ioasis.Host.Devices;

/// <summary>Something that is opened with a carrier of its own kind.</summary>
internal interface ICarrierChoice : INode
{
    /// <summary>Makes the carrier.</summary>
    Errno TryCreate(string name, out Carrier? carrier);
}
