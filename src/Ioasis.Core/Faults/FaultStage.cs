namespace Ioasis.Core.Faults;

/// <summary>The steps of a translation that can fail.</summary>
public enum FaultStage : byte
{
    /// <summary>The unit does not tell, or the request was not translated at all.</summary>
    None,

    /// <summary>
    /// What leads from the device and its PASID to a table: a context, device, stream table or PASID table entry.
    /// </summary>
    Context,

    /// <summary>The first stage.</summary>
    First,

    /// <summary>The second stage: at the page, or at an entry of the first stage's tables.</summary>
    Second,
}
