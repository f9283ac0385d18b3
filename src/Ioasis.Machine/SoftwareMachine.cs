using Ioasis.Machine.Nodes;

namespace Ioasis.Machine;

/// <summary>A machine in software: IOMMU units, devices behind them, and the nodes and sysfs through which programs reach them.</summary>
public sealed class SoftwareMachine : IDisposable
{
    /// <summary>Every path that the machine serves, parents before children, by path.</summary>
    public IReadOnlyDictionary<string, VirtualPath> Paths => throw new NotImplementedException();

    /// <summary>Unplugs all devices; every file must be closed.</summary>
    public void Dispose() => throw new NotImplementedException();
}
