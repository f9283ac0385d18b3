namespace Ioasis.Devices.Slots;

/// <summary>What <see cref="BarPoller"/> looks at: mapped memory that drivers store to.</summary>
internal interface IPolledSlot
{
    /// <summary>Looks; true if there were new stores. Must not wait.</summary>
    bool TryPoll();
}
