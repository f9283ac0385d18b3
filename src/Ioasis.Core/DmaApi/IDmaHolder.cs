namespace Ioasis.Core.DmaApi;

/// <summary>What a driver has of a device's addresses other than streaming mappings.</summary>
internal interface IDmaHolder : IDisposable
{
    /// <summary>The run that has an address.</summary>
    bool TryFindRun(ulong address, out DmaRun run);
}
