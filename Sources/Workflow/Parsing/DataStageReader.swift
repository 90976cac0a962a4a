import YAML

/// The stages that data passes through before and after a task or the workflow. Sources: "Input", "Output", "Export".
struct DataStageReader {
  let reader: ExpressionReader
  let schemas: SchemaReader

  func input(_ node: YAMLNode?, _ stage: ExpressionReader.Stage) -> InputTransform? {
    node.map { InputTransform(schema: schemas.schema(in: $0), from: transform($0["from"], stage)) }
  }

  func output(_ node: YAMLNode?, _ stage: ExpressionReader.Stage) -> OutputTransform? {
    node.map { OutputTransform(schema: schemas.schema(in: $0), as: transform($0["as"], stage)) }
  }

  func export(_ node: YAMLNode?) -> ExportTransform? {
    node.map { ExportTransform(schema: schemas.schema(in: $0), as: transform($0["as"], .taskExport)) }
  }

  private func transform(_ node: YAMLNode?, _ stage: ExpressionReader.Stage) -> Template? {
    node.flatMap { reader.transform($0, stage) }
  }
}
