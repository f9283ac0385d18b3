namespace Ioasis.Passthrough.Vfio.Pci.Config;

/// <summary>What writes to configuration space have an effect on.</summary>
internal interface IConfigOwner
{
    /// <summary>Whether the function asserts its interrupt line.</summary>
    bool LineAsserted { get; }

    /// <summary>Whether the program enabled MSI by SET_IRQS.</summary>
    bool MsiEnabled { get; }

    /// <summary>log2 of the MSI vectors that the program may configure.</summary>
    int MsiQueueMax { get; }

    /// <summary>
    /// The command register, or the power state, may have changed: decoding and bus mastering follow.
    /// </summary>
    void CommandWritten();

    /// <summary>The program set or cleared the INTx disable bit.</summary>
    void SetIntxDisabled(bool disabled);

    /// <summary>The program asked for a function-level reset.</summary>
    void FunctionLevelReset();

    /// <summary>The program asked for a power state, 0 to 3.</summary>
    void SetPowerState(int state);
}
